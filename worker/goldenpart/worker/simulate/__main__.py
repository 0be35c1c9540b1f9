"""`python -m goldenpart.worker.simulate` is `goldenpart-simulate`."""

from goldenpart.worker.simulate.cli import main

main()
