"""`collector`, and `python -m collector`."""

import gc

from collector.cli.early_signals import heed


def main() -> None:
    """Run the command line."""
    heed()
    gc.disable()  # until the command is imported, see `cli.main`
    from collector.cli.main import main as run  # noqa: PLC0415  # takes a while, in which a signal may come

    run()


if __name__ == "__main__":
    main()
