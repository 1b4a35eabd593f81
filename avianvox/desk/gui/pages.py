"""Answers for the page of the window. What it asks for becomes commands (`asked`), which `work` runs."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from glob import has_magic
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from avianvox import __version__
from avianvox.audio.find import find_inputs
from avianvox.desk.app import names_in, posted, reply, written_file
from avianvox.desk.gui.asked import TABLES, classify_run, overview_step, train_run
from avianvox.desk.gui.folders import folder_content
from avianvox.desk.gui.progress import LedgerTail, read_epochs
from avianvox.desk.gui.records import CLASSIFY, Records, Run
from avianvox.desk.gui.results import formats, read_found, table_as
from avianvox.desk.gui.shelf import models, trainable
from avianvox.desk.gui.work import Work, changed_ns, refused_at_once, remaining
from avianvox.desk.review.start import ReviewWishes, opened_review
from avianvox.errors import InputError
from avianvox.inference.ledger import ledger_path
from avianvox.runfolder import CONFIG
from avianvox.verdicts.table import verdicts_path

MOST_ROWS = 500
"""Of a table that a page may ask for at once."""

_OVERVIEW = "overview.html"
_SHOWN_FAILURES = 200


class GuiPages:
    """The routes of the window.

    Parameters
    ----------
    records : Records
    work : Work
    open_until_end : ExitStack
        Takes what stays open as long as the server runs: tables of verdicts.
    """

    def __init__(self, records: Records, work: Work, open_until_end: ExitStack) -> None:
        self._records, self._work, self._stack = records, work, open_until_end
        self._tails: dict[str, LedgerTail] = {}
        self._totals: dict[str, int | None] = {}
        self._reviews: dict[str, Starlette] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[BaseRoute]:
        """Where the page asks; relative to its own address."""
        asked: dict[str, Callable[[Request], Response]] = {
            "session": self.session,
            "folder": self.folder,
            "runs": self.runs,
            "runs/{id}": self.run,
            "runs/{id}/rows": self.rows,
            "runs/{id}/table": self.table,
            "runs/{id}/overview/": self.overview_page,
            "runs/{id}/overview/{folder}/{name}": self.overview_file,
        }
        told: dict[str, Callable[[Request], Response]] = {
            "classify": self.classify,
            "train": self.train,
            "quit": self.quit,
            "runs/{id}/pause": self.pause,
            "runs/{id}/resume": self.resume,
            "runs/{id}/forget": self.forget,
            "runs/{id}/overview": self.overview,
            "runs/{id}/review": self.review,
        }
        return [
            *(Route(f"/{path}", endpoint) for path, endpoint in asked.items()),
            *(Route(f"/{path}", endpoint, methods=["POST"]) for path, endpoint in told.items()),
            Mount("/runs/{id}/review", app=self._reviewed),
        ]

    def session(self, _request: Request) -> Response:
        """What can be chosen."""
        home = os.path.expanduser("~")
        return reply(
            {
                "version": __version__,
                "base": os.path.join(home, "avianvox"),
                "separator": os.sep,
                "models": models(),
                "trainable": trainable(),
                "tables": TABLES,
                "formats": formats(),
            }
        )

    def folder(self, request: Request) -> Response:
        """The folders in a folder, to choose from."""
        return reply(folder_content(request.query_params.get("path", "")))

    def classify(self, request: Request) -> Response:
        """Begin a classification; what the command refuses at once is refused here, by its line."""
        return self._begin(classify_run(posted(request)))

    def train(self, request: Request) -> Response:
        """Begin a training, likewise."""
        return self._begin(train_run(posted(request)))

    def _begin(self, run: Run) -> Response:
        if any(other.out == run.out and self._work.running(other.id) for other in self._records.all()):
            raise InputError(f"{run.out}: a run writes there now; pause it, or choose another place")
        if not os.path.lexists(run.title) and not has_magic(run.title):
            raise InputError(f"{run.title}: there is no such folder; choose another")
        run = self._records.add(run)
        self._totals.pop(run.id, None)
        try:
            job = self._work.begin_run(run)
            sign = ledger_path(Path(run.out)) if run.kind == CLASSIFY else run.folder / CONFIG
            if refused := refused_at_once(job, sign=sign):
                raise InputError(refused)
        except Exception:
            self._records.forget(run.id)
            raise
        return reply(self._shown(run))

    def runs(self, _request: Request) -> Response:
        """All runs, with how far they have come."""
        return reply([self._shown(run) for run in self._records.all()])

    def run(self, request: Request) -> Response:
        """All that is known of a run."""
        run = self._run(request)
        shown = self._shown(run)
        shown["commands"] = [["avianvox", *step] for step in run.steps]
        if run.kind == CLASSIFY:
            tail = self._tail(run)
            shown["failures"] = [*tail.failures.items()][:_SHOWN_FAILURES]
            shown["named"] = tail.named.most_common()
            if shown["state"] == "done":
                found = read_found(Path(run.out))
                shown["species"], shown["rows"] = found.listed, len(found.rows)
        else:
            shown["epochs"] = read_epochs(run.folder).figures
        job = self._work.job(run.id)
        shown["told"] = [] if job is None else job.told()
        return reply(shown)

    def _shown(self, run: Run) -> dict[str, Any]:
        job = self._work.job(run.id)
        running = job is not None and job.running
        shown: dict[str, Any] = {
            "id": run.id,
            "kind": run.kind,
            "title": run.title,
            "out": run.out,
            "begun": run.begun,
            "model": run.model,
            "phase": job.phase if running and job is not None else "",
            "error": "" if job is None or running else job.error,
        }
        if run.kind == CLASSIFY:
            tail = self._tail(run)
            finished = tail.finished and os.path.isfile(run.out)
            failed = len(tail.failures)
            shown |= {"done": tail.n, "total": self._total(run, tail), "failed": failed}
            shown |= {"by": run.steps[0][3], "overview": self._overview(run)}
        else:
            finished = not remaining(run)
            epochs = read_epochs(run.folder)
            last = epochs.figures[-1] if epochs.figures else {}
            shown |= {"done": epochs.done, "total": epochs.total, "figures": last}
        if running and job is not None:
            shown["state"] = "pausing" if job.pausing else "running"
        else:
            shown["state"] = "failed" if shown["error"] else "done" if finished else "paused"
        return shown

    def _tail(self, run: Run) -> LedgerTail:
        with self._lock:
            tail = self._tails.setdefault(run.id, LedgerTail.of_table(run.out))
            return tail.read()

    def _total(self, run: Run, tail: LedgerTail) -> int | None:
        """How many files there are; None until they are counted."""
        if tail.finished and not self._work.running(run.id):
            return tail.n
        if run.id not in self._totals:
            self._totals[run.id] = None
            threading.Thread(target=self._count, args=(run,), daemon=True).start()
        return self._totals[run.id]

    def _count(self, run: Run) -> None:
        self._totals[run.id] = sum(1 for _ in find_inputs(run.sources))

    def rows(self, request: Request) -> Response:
        """Some rows of a table, of one species or of all."""
        begin, n = (_whole(request, name) for name in ("from", "count"))
        found = read_found(Path(self._run(request).out))
        return reply(found.page(request.query_params.get("species", ""), begin, min(n, MOST_ROWS)))

    def table(self, request: Request) -> Response:
        """The table as a file, in any format."""
        run = self._run(request)
        read_found(Path(run.out))
        content, name = table_as(Path(run.out), request.query_params.get("format", "csv"), self._work.scratch)
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return Response(content, 200, headers, media_type="application/octet-stream")

    def pause(self, request: Request) -> Response:
        """Ask a run to end; what it has finished stays."""
        run = self._run(request)
        self._work.pause(run.id)
        return reply(self._shown(run))

    def resume(self, request: Request) -> Response:
        """Go on with a run, or look for new files."""
        run = self._run(request)
        self._totals.pop(run.id, None)
        self._work.begin_run(run)
        return reply(self._shown(run))

    def forget(self, request: Request) -> Response:
        """Take a run off the list; its files stay."""
        run = self._run(request)
        if self._work.running(run.id):
            raise InputError("it is running; pause it first")
        self._records.forget(run.id)
        return reply({})

    def _overview(self, run: Run) -> dict[str, Any]:
        job = self._work.job(_overview_of(run))
        drawing = job is not None and job.running
        table = Path(run.out)
        newest = max(changed_ns(table), changed_ns(verdicts_path(table)))
        there = changed_ns(_overview_folder(run) / _OVERVIEW) > newest
        return {"drawing": drawing, "there": there and not drawing, "error": "" if job is None else job.error}

    def overview(self, request: Request) -> Response:
        """Draw the season of a table, by its command; anew where rows or verdicts have come since."""
        run = self._run(request)
        read_found(Path(run.out))
        self._work.begin(_overview_of(run), [overview_step(Path(run.out), _overview_folder(run))])
        return reply(self._shown(run))

    def overview_page(self, request: Request) -> Response:
        """The page that the command wrote."""
        return written_file(_overview_folder(self._run(request)), _OVERVIEW)

    def overview_file(self, request: Request) -> Response:
        """A picture or a table that the page links to."""
        folder = _overview_folder(self._run(request))
        for inner in names_in(folder):
            if inner == request.path_params["folder"]:
                return written_file(folder / inner, request.path_params["name"])
        raise HTTPException(404)

    def review(self, request: Request) -> Response:
        """Open a table for review; its page is then at ``runs/ID/review/``."""
        run = self._run(request)
        with self._lock:
            if run.id not in self._reviews:
                wishes = ReviewWishes(Path(run.out), model=run.model)
                self._reviews[run.id] = self._stack.enter_context(opened_review(wishes))[0]
        return reply({"address": f"runs/{run.id}/review/"})

    async def _reviewed(self, scope: Any, receive: Any, send: Any) -> None:
        app = self._reviews.get(scope["path_params"]["id"])
        if app is None:
            raise HTTPException(404, "this review is not open; open it from the page of the run")
        await app(scope, receive, send)

    def quit(self, _request: Request) -> Response:
        """End the server; runs are paused."""
        threading.Timer(0.2, signal.raise_signal, (signal.SIGTERM,)).start()
        return reply({})

    def _run(self, request: Request) -> Run:
        return self._records.find(request.path_params["id"])


def _overview_of(run: Run) -> str:
    return f"{run.id}/overview"


def _overview_folder(run: Run) -> Path:
    return run.folder / f"{Path(run.out).stem}-overview"


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise InputError(f"{name}: expected a whole number")
    return int(text)
