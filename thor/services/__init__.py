"""The embedded servers and the supervisor behind `thor up`.

Knows processes and folders; knows no stage and no job.
"""
