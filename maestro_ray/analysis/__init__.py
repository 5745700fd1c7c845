"""What a repository is made of, found out without an agent: from the files and the history of one commit."""
