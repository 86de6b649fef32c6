"""The documented name of the importer: `python -m etl.src.plaintiff_importer_moat --csv FILE [--commit]`."""

from plaintiff_moat.cli.imports import import_csv, main

__all__ = ["import_csv", "main"]

if __name__ == "__main__":
    main()
