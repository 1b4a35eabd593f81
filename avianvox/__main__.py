"""``python -m avianvox`` is the ``avianvox`` command."""

from avianvox.cli.main import main

main()
