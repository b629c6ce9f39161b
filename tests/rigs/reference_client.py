#!/usr/bin/env python3
"""dicomweb-client (the reference Python client) as a command, for tests against any DICOMweb server.

usage: reference_client.py store URL FILE...         STOW-RS all files in one request
       reference_client.py search URL [LEVEL [JSON]] QIDO-RS studies (default), series or instances; JSON holds the client's
                                                     own arguments, such as {"search_filters": {"PatientID": "1"}}
       reference_client.py retrieve URL STUDY DIR    WADO-RS a study into DIR as N.dcm
  URL is the DICOMweb root. DICOMWEB_KEY in the environment is sent as X-API-Key, DICOMWEB_BEARER as a bearer token,
  DICOMWEB_BASIC (name:password) as Basic credentials.

Prints one JSON object: store {"referenced": [SOP Instance UID...], "failed": [[UID, reason]...]}, search
{"studies": [UID...]} (or "series", "instances"), retrieve {"instances": N}. Exit status 3 with {"status": CODE, "body": TEXT} when the server
refuses.
"""
import base64
import json
import os
import sys

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient


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


def main(args):
    commands = {"store": lambda: store(args[1], args[2:]), "search": lambda: search(*args[1:]),
                "retrieve": lambda: retrieve(args[1], args[2], args[3])}
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
