"""What schemathesis cannot write by itself: DICOM, alone and as multipart/related, CSV and ZIP. Every other body of DICOM is
VEILGATE_SAMPLE, a whole instance, so that answers other than refusals come too."""
import os
import schemathesis

with open(os.environ["VEILGATE_SAMPLE"], "rb") as file:
    SAMPLE = file.read()
BOUNDARY = "rig"


def raw(value):
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "replace") if isinstance(value, str) else repr(value).encode()


def dicom(value):
    value = raw(value)
    return value if len(value) % 2 else SAMPLE


@schemathesis.serializer("application/dicom")
def instance(ctx, value):
    return dicom(value)


@schemathesis.serializer("multipart/related")
def related(ctx, value):
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + dicom(value) + f"\r\n--{BOUNDARY}--\r\n".encode()


@schemathesis.serializer("application/zip", "text/csv")
def as_it_is(ctx, value):
    return raw(value)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.media_type == "multipart/related":
        case.headers["Content-Type"] = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
