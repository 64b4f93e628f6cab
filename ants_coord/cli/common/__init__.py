"""
What all commands share: the application, the board that a command means, the output.

app     the application that commands are added to, and options that several have
boards  the board that a command means, and its errors as exit codes
show    output: tables on a terminal, JSON for programs, errors in one line
"""
