#!/usr/bin/env python3
"""What lies in a bucket, as Amazon's own client sees it.

usage: s3_look.py URL ID:SECRET BUCKET     prints {"objects": {KEY: SIZE}, "uploads": [KEY]}
"""
import json
import sys

import boto3
from botocore.config import Config


def main():
    url, key, bucket = sys.argv[1:]
    name, secret = key.split(":")
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=name,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}),
    )
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    objects = {it["Key"]: it["Size"] for page in pages for it in page.get("Contents", [])}
    uploads = [it["Key"] for it in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
    print(json.dumps({"objects": objects, "uploads": uploads}))


if __name__ == "__main__":
    main()
