"""Pipelines between the stages: the only package that imports several of them, one module each."""
