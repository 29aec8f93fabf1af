"""`collector`, and `python -m collector`."""

import gc

from collector.cli.early_signals import heed


def main() -> None:
    """Run the command line."""
    heed()
    gc.disable()  # what is imported stays: looking through it again and again is a seventh of the start
    from collector.cli.main import main as run  # noqa: PLC0415  # takes a quarter of a second, in which a signal may come

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
