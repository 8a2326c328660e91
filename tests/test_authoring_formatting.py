"""The canonical form of a notebook."""

import copy
import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.authoring.files import NotebookError, find_root, read_notebook, write_text
from course_utils.authoring.formatting import format_notebook, is_canonical, notebook_text, write_notebook
from course_utils.authoring.project import format_files

CONFIG = "repository:\n  url: https://github.com/OWNER/computer-vision-course\n  branch: main\n"


def formatted_outputs(*outputs):
    return format_notebook(new_notebook(cells=[new_code_cell("1", outputs=list(outputs))])).cells[0].outputs


sources = st.text(st.sampled_from("# ab\n\r\t%é1"), max_size=30)
streams = st.builds(
    lambda name, text: new_output("stream", name=name, text=text),
    st.sampled_from(["stdout", "stderr"]),
    st.text("ab\n\r", max_size=12),
)
displays = st.builds(
    lambda kind, text: new_output(
        kind, {"text/plain": text, "image/png": "iVBOR\nw0KGgo=\n"}, metadata={"isolated": True}
    ),
    st.sampled_from(["display_data", "execute_result"]),
    st.text(max_size=5),
)
ids = st.sampled_from(["setup", "padding", "0123abcd", "two words", "a-b", "", "x" * 70])
tags = st.lists(st.sampled_from(["solution", "keep-output", "b"]), max_size=3)
code_cells = st.builds(
    lambda source, outputs, cell_id, tags, count: (
        new_code_cell(source, outputs=outputs, execution_count=count)
        | {"id": cell_id, "metadata": {"tags": tags, "execution": {"iopub.execute_input": "2026-01-01"}}}
    ),
    sources,
    st.lists(streams | displays, max_size=4),
    ids,
    tags,
    st.none() | st.integers(1, 9),
)
text_cells = st.builds(lambda source, cell_id: new_markdown_cell(source) | {"id": cell_id}, sources, ids)
notebooks = st.builds(
    lambda cells, metadata: nbformat.from_dict(
        {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    ),
    st.lists(code_cells | text_cells, max_size=6),
    st.dictionaries(st.sampled_from(["course", "colab", "widgets", "kernelspec"]), st.just({"name": "x"}), max_size=3),
)


@settings(max_examples=80, deadline=None)
@given(notebooks)
def test_formatting_twice_is_formatting_once(notebook):
    text = notebook_text(notebook)
    assert notebook_text(nbformat.reads(text, as_version=4)) == text


@settings(max_examples=50, deadline=None)
@given(notebooks)
def test_formatting_makes_valid_unique_ids_and_leaves_its_argument_alone(notebook):
    before = copy.deepcopy(notebook)
    formatted = format_notebook(notebook)
    assert notebook == before
    nbformat.validate(formatted)
    names = [cell.id for cell in formatted.cells]
    assert len(set(names)) == len(names)


@settings(max_examples=50, deadline=None)
@given(notebooks)
def test_formatting_keeps_code_text_and_pictures(notebook):
    formatted = format_notebook(notebook)
    written = ["".join(cell.source.split()) for cell in notebook.cells if cell.source.strip()]
    assert ["".join(cell.source.split()) for cell in formatted.cells] == written

    def pictures(book):
        outputs = [out for cell in book.cells if cell.source.strip() for out in cell.get("outputs", ())]
        return ["".join(out.data["image/png"].split()) for out in outputs if "data" in out]

    assert pictures(formatted) == pictures(notebook)


def test_a_readable_id_stays_and_a_random_or_missing_one_is_named_after_the_heading():
    cells = [
        new_markdown_cell("# Mathematics", id="c0ffee00"),
        new_markdown_cell("## 2. Same padding\n\nText.", id="0a1b2c3d"),
        new_code_cell("1", id="3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        new_code_cell("2", id="stays"),
        new_code_cell("3", id="stays"),
    ]
    names = [cell.id for cell in format_notebook(new_notebook(cells=cells)).cells]
    assert names == ["title", "same-padding", "same-padding-2", "stays", "same-padding-3"]


def test_metadata_of_editors_and_runs_goes_and_ours_stays():
    cell = new_code_cell("1", id="one", metadata={"tags": ["b", "a"], "collapsed": True})
    metadata = {"course": {"receipt": {}}, "widgets": {}, "language_info": {"name": "python", "version": "3.11.7"}}
    formatted = format_notebook(new_notebook(cells=[cell], metadata=metadata))
    assert formatted.cells[0].metadata == {"tags": ["a", "b"]}
    assert sorted(formatted.metadata) == ["course", "kernelspec", "language_info"]
    assert "version" not in formatted.metadata.language_info
    assert formatted.metadata.course == {"receipt": {}}


def test_the_pieces_of_a_stream_are_joined_and_overwritten_lines_go():
    outputs = formatted_outputs(
        new_output("stream", name="stdout", text="epoch 1\repo"),
        new_output("stream", name="stdout", text="ch 2\rdone\nnext\r\n"),
        new_output("stream", name="stderr", text="\r"),
    )
    assert outputs == [{"output_type": "stream", "name": "stdout", "text": "done\nnext\n"}]


def test_the_start_up_log_of_tensorflow_goes_and_warnings_stay():
    log = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    log += "I0000 00:00:1795358594.192123   24829 port.cc:153] oneDNN custom operations are on.\n"
    warning = "UserWarning: careful\n"
    assert formatted_outputs(new_output("stream", name="stderr", text=log)) == []
    assert formatted_outputs(new_output("stream", name="stderr", text=log + warning + log))[0].text == warning


def test_a_glued_value_keeps_its_name():
    scrapbook = {"name": "accuracy", "mime_prefix": "application/papermill.record/"}
    output = new_output("display_data", {"text/plain": "1"}, metadata={"scrapbook": scrapbook, "isolated": True})
    assert formatted_outputs(output)[0].metadata == {"scrapbook": scrapbook}


def test_empty_cells_go_and_blank_lines_around_code_too():
    cells = [new_code_cell("  \n"), new_code_cell("\n\n    x\n  \n"), new_markdown_cell("")]
    assert [cell.source for cell in format_notebook(new_notebook(cells=cells)).cells] == ["    x"]


def test_a_written_file_is_canonical_and_a_touched_one_is_not(tmp_path):
    path = tmp_path / "one.ipynb"
    write_notebook(path, new_notebook(cells=[new_code_cell("print('Maß')")]))
    assert is_canonical(path)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "Maß" in text
    path.write_text(json.dumps(json.loads(text), indent=2), encoding="utf-8")
    assert not is_canonical(path)


def test_format_files_adds_the_setup_cell_and_with_check_changes_nothing(tmp_path):
    (tmp_path / "_config.yml").write_text(CONFIG)
    path = tmp_path / "book" / "01_x.ipynb"
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Pooling"), new_code_cell("1")]), path)
    before = path.read_bytes()
    assert format_files(check=True, root=tmp_path) == [path]
    assert path.read_bytes() == before
    assert format_files(root=tmp_path) == [path]
    assert [cell.id for cell in read_notebook(path).cells] == ["title", "setup", "pooling"]
    assert format_files(root=tmp_path) == []


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text('{"cells": [')
    with pytest.raises(NotebookError, match=r"broken\.ipynb is not a notebook"):
        read_notebook(path)


def test_a_write_that_fails_leaves_the_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "one.ipynb"
    path.write_text("old")
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: (_ for _ in ()).throw(OSError("disk is full")))
    with pytest.raises(OSError, match="disk is full"):
        write_text(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["one.ipynb"]
    assert path.read_text() == "old"


def test_outside_of_a_clone_the_root_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="inside a clone"):
        find_root(tmp_path)
