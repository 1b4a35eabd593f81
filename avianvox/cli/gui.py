"""``avianvox gui``: a window for those without a terminal."""

import click

from avianvox.cli.common import browser_option

EPILOG = """\b
The page does what the commands do: it names the species in a folder of recordings, pauses and continues,
shows results, draws a season, opens a review, and trains a model on labelled folders. What it runs are
'avianvox classify', 'overview', 'train', 'export' and 'models add', and it shows their lines.

\b
Closing the page ends nothing. The button Quit, or Ctrl-C here, ends the window and pauses what runs. A run
that was paused or killed goes on from what it had finished. The page is for this computer alone: its address
holds a secret that is new each time.

\b
Examples:
  avianvox gui
  avianvox gui --no-browser --port 8765
"""


@click.command(epilog=EPILOG)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.  [default: a free one]")
@browser_option
def gui(port: int | None, browser: bool) -> None:
    """Open a window for those without a terminal, in the browser.

    Where it is open already, that one is shown.
    """
    from avianvox.errors import require_extra

    require_extra("starlette", extra="review", purpose="avianvox gui")
    from avianvox.desk.gui.start import run_gui

    run_gui(port=port or 0, browser=browser, say=lambda line: click.echo(line))
