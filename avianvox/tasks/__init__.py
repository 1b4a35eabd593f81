"""Tasks by kind: what a network is asked besides the species, from a column of the catalog to an answer.

``[[tasks]]`` in a training configuration names them. A row of `TASK_KINDS` is a frozen dataclass of a task's
settings, a `avianvox.tasks.task.Task`: it encodes values of a column, decodes what a network says, and
judges answers, all in NumPy. A new kind is one module here and one row; ``tests/test_tasks.py`` holds each to
the contract. Heads and losses lie with the networks, by the `Task.activation` of a kind.
"""

from typing import TYPE_CHECKING

from avianvox.registry import Registry

if TYPE_CHECKING:
    from avianvox.tasks.task import Task

TASK_KINDS: "Registry[type[Task]]" = Registry(
    "kind of task",
    {
        "single": ("avianvox.tasks.single:Single", "one class of many, such as the sex"),
        "multi": ("avianvox.tasks.multi:Multi", "any classes of many, such as types of call"),
        "ordinal": ("avianvox.tasks.ordinal:Ordinal", "bins in an order, such as counts"),
        "regression": ("avianvox.tasks.regression:Regression", "a number, such as a frequency"),
    },
)
