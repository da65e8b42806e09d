"""Leases: a line takes a range of suffixes, prints them without a network, and says later which ones it used.

lease_doors → verbs/open_lease, report_lease, return_lease, read_leases
            → wishes, formula, ranges (pure); book (what workers know); rows, numbers (SQL)
"""
