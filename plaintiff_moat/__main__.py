"""`python -m plaintiff_moat` is `moat`."""

from plaintiff_moat.cli import main

main()
