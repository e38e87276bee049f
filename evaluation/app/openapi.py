"""What `/openapi.json` says: the server's questions and answers, by OpenAPI 3.1, with this model's names and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "3.1.0"
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def description(
    *, title: str, version: str, directions: Sequence[str], size: int, limits: Mapping[str, int], upload: str
) -> dict[str, Any]:
    """The document; `limits` are `max_samples`, `max_seed` and `max_bytes`, `upload` the media type of a picture."""
    direction = {"type": "string", "enum": list(directions)}
    one_of_two = {"type": "integer", "minimum": 0, "maximum": 1, "default": 0}
    samples = {"type": "integer", "minimum": 1, "maximum": limits["max_samples"], "default": 1}
    seed = {"type": "integer", "minimum": 0, "maximum": limits["max_seed"], "default": 0}
    model = {
        "type": "object",
        "required": ["name", "size", "ways", "type", *limits],
        "properties": {
            "name": {"type": "string"},
            "size": {"const": size},
            "ways": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["direction", "source", "target", "examples"],
                    "properties": {
                        "direction": direction,
                        "source": {"type": "string"},
                        "target": {"type": "string"},
                        "examples": {"type": "integer"},
                    },
                },
            },
        },
    }
    made = {
        "type": "object",
        "required": ["columns", "styles", "rows"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "description": "source, each level, final, …"},
            "styles": {"type": "boolean"},
            "rows": {
                "type": "array",
                "description": "of each sample a picture of every column, as a data: URI of a PNG",
                "items": {"type": "array", "items": {"type": "string"}},
            },
        },
    }
    paths = {
        "/": {"get": _operation("The page", {200: _content("text/html", {"type": "string"})})},
        "/openapi.json": {"get": _operation("This document", {200: _json({"type": "object"})})},
        "/model": {"get": _operation("What is served, and its limits", {200: _json(model)})},
        "/examples/{direction}/{number}": {
            "get": _operation(
                "An example of the source domain",
                {200: _content("image/png", {}), 404: {"description": "no such example"}},
                [_in("path", "direction", direction), _in("path", "number", {"type": "integer", "minimum": 0})],
            )
        },
        "/translate": {
            "post": {
                **_operation(
                    "A picture's translation",
                    {
                        200: _json(made),
                        400: {**_json(ERROR), "description": "what is wrong with what was asked, in one line"},
                        413: {"description": f"more than {limits['max_bytes']} bytes"},
                        415: {"description": f"another content type than {upload}"},
                    },
                    [
                        {**_in("query", "direction", direction), "required": True},
                        _in("query", "samples", samples),
                        _in("query", "seed", seed),
                        _in("query", "whole", one_of_two),
                    ],
                ),
                "requestBody": {"required": True, "content": {upload: {}}},
            }
        },
    }
    return {"openapi": VERSION, "info": {"title": title, "version": version}, "paths": paths}


def _operation(summary: str, answers: Mapping[int, Any], parameters: Sequence[Any] = ()) -> dict[str, Any]:
    responses = {str(status): {"description": "as asked", **answer} for status, answer in answers.items()}
    return {"summary": summary, "responses": responses, **({"parameters": list(parameters)} if parameters else {})}


def _in(place: str, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"in": place, "name": name, "required": place == "path", "schema": schema}


def _content(media: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return _content("application/json", schema)
