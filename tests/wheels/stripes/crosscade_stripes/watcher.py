"""Keeps the lowest value of every loss beside the run, for a spreadsheet."""

from crosscade.framework import Watcher, WatcherOffer, hookimpl


class Lowest(Watcher):
    def __init__(self, options, *, run):
        self.file, self.lowest = run / "lowest.csv", {}

    def event(self, event):
        for name, value in event.get("values", {}).items():
            self.lowest[name] = min(value, self.lowest.get(name, value))
        self.file.write_text("".join(f"{name},{value}\n" for name, value in self.lowest.items()))


@hookimpl
def watchers():
    yield WatcherOffer(name="lowest", build=Lowest, summary="the lowest value of every loss")
