"""A part of a document that a script writes: between two marks, which stay."""


def write_between(path, begin, end, text):
    """Puts `text` between the marks of the file at `path`; ValueError where one is missing."""
    with open(path, encoding="utf-8") as file:
        document = file.read()
    start, stop = document.index(begin), document.index(end)
    with open(path, "w", encoding="utf-8") as file:
        file.write(document[:start] + begin + "\n" + text + document[stop:])
