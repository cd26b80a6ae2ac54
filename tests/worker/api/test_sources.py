"""The sources of images and documents, wherever they stand in a request."""

from worker.api.sources import Wanted, wanted_of, with_sources

FOUND = {"type": "base64", "media_type": "image/png", "data": "QUJD"}


def image(url):
    return {"type": "image", "source": {"type": "url", "url": url}}


def user(*content):
    return {"role": "user", "content": list(content)}


def nested(block):
    return [
        user({"type": "text", "text": "hi"}, block | {"cache_control": {"type": "ephemeral"}}),
        {"role": "user", "content": "words"},
        user({"type": "tool_result", "tool_use_id": "t", "content": [block]}),
        user({"type": "document", "source": {"type": "content", "content": [block]}, "title": "T"}),
    ]


def test_what_is_wanted_is_wanted_once():
    pdf = {"type": "document", "source": {"type": "url", "url": "http://b"}}

    assert wanted_of([*nested(image("http://a")), user(pdf, image("http://b"))]) == [
        Wanted("image", "http://a"),
        Wanted("document", "http://b"),
        Wanted("image", "http://b"),
    ]


def test_what_was_found_takes_the_place_of_its_url():
    found = with_sources(nested(image("http://a")), {Wanted("image", "http://a"): FOUND})

    assert found == nested({"type": "image", "source": FOUND})
    assert wanted_of(found) == []


def test_what_only_looks_like_a_source_stays():
    call = {"type": "tool_use", "id": "t", "name": "see", "input": image("http://a")}
    said = [user({"type": "text", "text": "http://a"}), {"role": "assistant", "content": [call]}]

    assert wanted_of(said) == []
    assert with_sources(said, {Wanted("image", "http://a"): FOUND}) == said
