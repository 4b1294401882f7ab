"""Do the tests bite: change the code in small ways and see which tests notice. Also how big everything is.

    make mutate PACKAGE=dispatch SAMPLE=80 SEED=1    a sample of a package's mutants
    make mutate PACKAGE=rules/windows.py SAMPLE=0    every mutant of one file

`lines` runs the tests once and keeps which test runs which line; `mutants` and `sql` make the changes; `trying` runs
the tests that reach a change in a forked process whose imports are warm; `equivalent` knows the changes that change
nothing; `score` says how sure a sample is. docs/quality.md has the figures.
"""
