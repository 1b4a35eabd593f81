"""From sound to features, and the place where features are kept.

Start with `spec` (the settings), then `extract` (one recording). `build` fills a store from a catalog:
`worker` describes one file, `jobs` has many described at a time, `partial` takes the results in catalog
order, `ledger` remembers what is done. `store` opens, reads and verifies the result, and `provide` finds or
makes it; `layout` says what lies in its files; `normalise` takes means and deviations from it.
"""
