"""Bulk jobs: files of millions of rows, planned, confirmed and merged set by set (deploy/decisions/0006).

doors → receive, steer → jobs                 in the workers: HTTP, no row is ever touched there
runner → prepare → reading, admit, law        in a process of its own: bytes to sorted, packed rows on disk
       → merge                                rows to PostgreSQL, a chunk a transaction
"""
