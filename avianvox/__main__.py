"""``python -m avianvox`` is the ``avianvox`` command."""

from avianvox.signals import end_at_once


def run() -> None:
    """What the program ``avianvox`` does."""
    end_at_once()  # before the imports, which take a while
    from avianvox.cli.main import main

    main()


if __name__ == "__main__":
    run()
