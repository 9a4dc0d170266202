"""Models of spaCy, gensim and NLTK: what their files hold, and what they become here."""
