"""Ways of taking a vendor's file into PostgreSQL, a module each.

A module's first line of documentation stands in the table. It has

    NEEDS                 what has to be installed: distributions, or programs on the PATH
    prepare(url, file)    makes what a load finds there, in an empty database; not measured
    load(url, file)       takes the file in; measured as a whole process, from start to exit
    records(url, file)    how many records a reader of its table finds
"""

# In the order of the table.
CONTENDERS = ("floor", "moat", "staging", "dlt_merge", "filedge_run", "pgloader", "pandas_to_sql")
