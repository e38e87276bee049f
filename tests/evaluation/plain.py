"""A translator that has nothing but pictures to give."""

from crosscade.framework import DIRECTIONS, Translator


class Plain(Translator):
    """Without levels to be seen, styles, examples, or anything to read; a test says what `run` does."""

    directions = DIRECTIONS

    def previews(self, direction=None):
        return ()

    def style_size(self, direction=None):
        return 0

    def examples(self, direction, count):
        return []

    def prepare(self, direction=None):
        """Nothing to read."""

    forget = prepare
