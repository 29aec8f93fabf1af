"""`collector`, and `python -m collector`."""

from collector.early_signals import heed


def main() -> None:
    """Run the command line."""
    heed()
    from collector.cli import main as run  # noqa: PLC0415  # takes a third of a second, in which a signal may come

    run()


if __name__ == "__main__":
    main()
