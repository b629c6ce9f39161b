#!/usr/bin/env python3
"""moto as an S3 server on 127.0.0.1 that verifies signatures and rights (start-s3.sh starts it).

usage: s3_server.py PORT KEYS     KEYS: file that gets the keys of its users once it serves
"""
import json
import os
import sys
import time

import boto3
import requests
from moto.s3.models import FakeMultipart
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer


def date_uploads():
    """moto lists all uploads as begun in 2010; here they have their time."""
    begun, make, serialize = {}, FakeMultipart.__init__, S3Response.serialized

    def made(self, *args, **kwargs):
        make(self, *args, **kwargs)
        begun[self.id] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())

    def serialized(self, answer):
        if isinstance(answer.result, dict):
            for upload in answer.result.get("Uploads", []):
                upload["Initiated"] = begun[upload["UploadId"]]
        return serialize(self, answer)

    FakeMultipart.__init__, S3Response.serialized = made, serialized


def user(iam, name, actions):
    iam.create_user(UserName=name)
    rights = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return f"{name}={key['AccessKeyId']}:{key['SecretAccessKey']}"


def main():
    port, keys = int(sys.argv[1]), sys.argv[2]
    date_uploads()
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    url = f"http://127.0.0.1:{port}"
    anybody = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    iam = boto3.client("iam", **anybody)
    line = f"{user(iam, 'key', ['s3:*'])} {user(iam, 'reader', ['s3:Get*', 's3:List*'])}"
    boto3.client("s3", **anybody).create_bucket(Bucket="rig")
    # From here on nothing goes without a signature.
    plain = {"Content-Type": "text/plain"}
    requests.post(f"{url}/moto-api/reset-auth", data="0", headers=plain, timeout=10).raise_for_status()
    with open(keys + ".new", "w", encoding="utf-8") as file:
        file.write(line + "\n")
    os.rename(keys + ".new", keys)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
