#!/usr/bin/env python3
"""dicomweb-client (the reference Python client) as a command, for tests against any DICOMweb server.

usage: reference_client.py store URL FILE...         STOW-RS all files in one request
       reference_client.py search URL [LEVEL [JSON]] QIDO-RS studies (default), series or instances; JSON holds the client's
                                                     own arguments, such as {"search_filters": {"PatientID": "1"}}
       reference_client.py retrieve URL STUDY DIR    WADO-RS a study into DIR as N.dcm
       reference_client.py pull URL STUDY DIR        everything the client can ask of a study, at every level; instances and
                                                     metadata are kept in DIR
  URL is the DICOMweb root. DICOMWEB_KEY in the environment is sent as X-API-Key, DICOMWEB_BEARER as a bearer token,
  DICOMWEB_BASIC (name:password) as Basic credentials.

Prints one JSON object: store {"referenced": [SOP Instance UID...], "failed": [[UID, reason]...]}, search
{"studies": [UID...]} (or "series", "instances"), retrieve {"instances": N}, pull {"study": [UID...], "series": [UID...],
"metadata": {LEVEL: [UID...]}, "instances": {UID: {"pixels", "frames", "bulk", "rendered"}}} with SHA-256 of pixels, frames
and bulk data and [format, width, height] of pictures. Exit status 3 with {"status": CODE, "body": TEXT} when the server refuses.
"""
import base64
import hashlib
import io
import json
import os
import sys

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image


def client(url):
    headers = {}
    if os.environ.get("DICOMWEB_KEY"):
        headers["X-API-Key"] = os.environ["DICOMWEB_KEY"]
    if os.environ.get("DICOMWEB_BEARER"):
        headers["Authorization"] = "Bearer " + os.environ["DICOMWEB_BEARER"]
    if os.environ.get("DICOMWEB_BASIC"):
        token = base64.b64encode(os.environ["DICOMWEB_BASIC"].encode()).decode()
        headers["Authorization"] = "Basic " + token
    made = DICOMwebClient(url, headers=headers)
    # The client would wait and try five times on 429 and 503: a test wants the first answer.
    made.set_http_retry_params(retry=False)
    return made


def items(answer, keyword):
    return answer[keyword].value if keyword in answer else []


def store(url, files):
    answer = client(url).store_instances([pydicom.dcmread(path, force=True) for path in files])
    failed = [[item.get("ReferencedSOPInstanceUID"), item.get("FailureReason")] for item in items(answer, "FailedSOPSequence")]
    return {"referenced": [item.ReferencedSOPInstanceUID for item in items(answer, "ReferencedSOPSequence")], "failed": failed}


def search(url, level="studies", arguments="{}"):
    tag = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}[level]
    found = getattr(client(url), "search_for_" + level)(**json.loads(arguments))
    return {level: [one[tag]["Value"][0] for one in found]}


def retrieve(url, study, folder):
    instances = client(url).retrieve_study(study)
    for number, instance in enumerate(instances):
        instance.save_as(os.path.join(folder, f"{number}.dcm"), enforce_file_format=True)
    return {"instances": len(instances)}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def value(metadata, tag):
    return metadata[tag]["Value"][0]


def picture(data):
    image = Image.open(io.BytesIO(data))
    return [image.format, *image.size]


def pull_instance(made, names, metadata, folder):
    """One instance in every form: as it is, its frames, its pixels as bulk data, pictures."""
    instance = made.retrieve_instance(*names)
    instance.save_as(os.path.join(folder, f"{names[2]}.dcm"), enforce_file_format=True)
    if "PixelData" not in instance:
        return {}
    numbers = list(range(1, int(metadata.get("00280008", {}).get("Value", [1])[0]) + 1))
    uri = metadata["7FE00010"]["BulkDataURI"]
    rendered = [made.retrieve_instance_rendered(*names, media_types=(form,)) for form in ("image/jpeg", "image/png")]
    rendered.append(made.retrieve_instance_frames_rendered(*names, [1], media_types=("image/png",)))
    return {"pixels": sha256(instance.PixelData),
            "frames": [sha256(frame) for frame in made.retrieve_instance_frames(*names, numbers)],
            "bulk": [sha256(part) for part in made.retrieve_bulkdata(uri)],
            "rendered": [picture(one) for one in rendered]}


def pull(url, study, folder):
    made = client(url)
    metadata = made.retrieve_study_metadata(study)
    json.dump(metadata, open(os.path.join(folder, "metadata.json"), "w"))
    places = {(value(one, "0020000D"), value(one, "0020000E"), value(one, "00080018")): one for one in metadata}
    every_series = sorted({series for _, series, _ in places})
    of_series = [one for series in every_series for one in made.retrieve_series(study, series)]
    by_series = [one for series in every_series for one in made.retrieve_series_metadata(study, series)]
    by_instance = [made.retrieve_instance_metadata(*names) for names in places]
    uids = lambda found: sorted(value(one, "00080018") for one in found)
    return {"study": sorted(one.SOPInstanceUID for one in made.retrieve_study(study)),
            "series": sorted(one.SOPInstanceUID for one in of_series),
            "metadata": {"study": uids(metadata), "series": uids(by_series), "instance": uids(by_instance)},
            "instances": {names[2]: pull_instance(made, names, one, folder) for names, one in places.items()}}


def main(args):
    commands = {"store": lambda: store(args[1], args[2:]), "search": lambda: search(*args[1:]),
                "retrieve": lambda: retrieve(args[1], args[2], args[3]), "pull": lambda: pull(args[1], args[2], args[3])}
    if not args or args[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(json.dumps(commands[args[0]]()))
    except requests.HTTPError as error:
        print(json.dumps({"status": error.response.status_code, "body": error.response.text}))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
