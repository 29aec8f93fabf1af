"""The entry point of `collector` and of `python -m collector`."""

import gc

from collector.cli.early_signals import install_handlers


def main(*command: str) -> None:
    """Run the command line, of which a `command` may be given."""
    install_handlers()
    gc.disable()  # until the command is imported, see `cli.main`
    from collector.cli.main import main as run  # noqa: PLC0415  # slow: a signal may arrive meanwhile

    run(command=command)


def tap() -> None:
    """The console script `tap-polytomic-connections`, which is `collector tap`."""
    main("tap")


if __name__ == "__main__":
    main()
