"""The embedded servers and the supervisor: what makes `thor up` one command.

Knows processes and folders; knows no room and no job.
"""
