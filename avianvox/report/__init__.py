"""Reports: everything that a cross-validation found, on one page that needs nothing else.

Start at `avianvox.report.build.write_report`. A report is a list of sections (`avianvox.pages.blocks`);
`build` puts it together from the run folder as HTML, Markdown and JSON. Sections come from one module each:
`overview`, `ladder`, `folds` (audit), `confusion`, `hierarchy`, `curves`, `trust` (from calibration to
automation), `mistakes`, `learning`, `durations`, `data_card`.
"""
