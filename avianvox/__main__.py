"""``python -m avianvox`` is the ``avianvox`` command."""

from avianvox.signals import end_at_once, leave_if_interrupted


def run() -> None:
    """What the program ``avianvox`` does."""
    end_at_once()  # before the imports, which take a while
    from avianvox.cli.main import main

    try:
        main()
    except SystemExit as end:
        leave_if_interrupted(end.code)
        raise


if __name__ == "__main__":
    run()
