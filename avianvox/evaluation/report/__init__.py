"""Reports: everything that a cross-validation found, on one page that needs nothing else.

Start at `avianvox.evaluation.report.build.write_report`. A report is a list of `blocks.Section`; `build` puts
it together from the run folder, `page` writes it as HTML and `build` as Markdown and JSON. Sections come from
one module each: `summary`, `ladder`, `folds` (audit), `confusion`, `hierarchy`, `curves`, `trust` (from
calibration to automation), `mistakes`, `learning`, `durations`, `data_card`.
Charts are small SVG pictures made by `plot`; `markup` escapes whatever is text.
"""
