"""Ways of taking a vendor's file into PostgreSQL, a module each.

A module's first line of documentation stands in the table. It has

    NEEDS                 what has to be installed: distributions, or programs on the PATH
    prepare(url, file)    makes what a load finds there, in an empty database; not measured
    command(url, file)    the command line that takes the file in; or, of a contender that is Python code,
    load(url, file)       takes the file in
    records(url, file)    how many records a reader of its table finds

Measured is a whole process, from start to exit: that of the command, or a Python that does nothing but load.
"""

# In the order of the table.
CONTENDERS = ("floor", "moat", "staging", "dlt_merge", "filedge_run", "pgloader", "pandas_to_sql")
