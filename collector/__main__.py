"""The entry point of `collector` and of `python -m collector`."""

import gc

from collector.cli.early_signals import install_handlers


def main() -> None:
    """Run the command line."""
    install_handlers()
    gc.disable()  # until the command is imported, see `cli.main`
    from collector.cli.main import main as run  # noqa: PLC0415  # slow: a signal may arrive meanwhile

    run()


if __name__ == "__main__":
    main()
