"""The FFI's structs lie where the handler reads them; a jaxlib with another layout is refused."""

from pathlib import Path

import jaxlib
import pytest

from hadesd.native import xla_ffi
from hadesd.native.machine_code import NativeError

HEADER = (Path(jaxlib.__file__).parent / "include/xla/ffi/api/c_api.h").read_text()


def test_this_jaxlib_has_the_layout_that_is_written_down():
    xla_ffi.check_layout(HEADER)


@pytest.mark.parametrize(
    ("before", "field"),
    [
        ("  XLA_FFI_ExecutionStage stage;", "XLA_FFI_CallFrame.stage"),
        ("  XLA_FFI_ArgType* types;", "XLA_FFI_CallFrame.args.args"),
        ("  void* data;", "XLA_FFI_Buffer.data"),
        ("  int major_version;", "XLA_FFI_Metadata.api_version.major_version"),
    ],
)
def test_a_field_that_has_moved_is_refused(before, field):
    assert before in HEADER
    with pytest.raises(NativeError, match=field.replace(".", r"\.")):
        xla_ffi.check_layout(HEADER.replace(before, f"  int64_t more;\n{before}"))


def test_a_struct_that_is_gone_or_not_understood_is_refused():
    with pytest.raises(NativeError, match="does not declare XLA_FFI_Buffer"):
        xla_ffi.check_layout(HEADER.replace("struct XLA_FFI_Buffer {", "struct XLA_FFI_Array {"))
    with pytest.raises(NativeError, match="unknown type bfloat"):
        xla_ffi.check_layout(HEADER.replace("  void* data;", "  bfloat part;\n  void* data;"))
