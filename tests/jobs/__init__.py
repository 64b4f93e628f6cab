"""Jobs that people come with, as plain programs; test_jobs.py runs each as its author would."""
