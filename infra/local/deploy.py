"""Deploys infra/template.yaml into the local cloud and prints one line of JSON that says what is where.

    python deploy.py --endpoint http://127.0.0.1:4566 --template infra/template.yaml \
        --binaries target/debug --stack-name trunkline --parameter Environment=local

Progress goes to stderr. Everything comes from the template; this program names no function, route or queue.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

import expand
import stack


def arguments():
    parser = argparse.ArgumentParser(description="Deploy the SAM template into the local cloud.")
    parser.add_argument("--endpoint", required=True, help="where the local cloud answers")
    parser.add_argument("--template", required=True, type=Path)
    parser.add_argument("--binaries", required=True, type=Path, help="folder of the built functions")
    parser.add_argument("--stack-name", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--parameter", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def parameters(pairs, template):
    declared, given = template.get("Parameters", {}), {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise expand.BadTemplate(f"--parameter {pair}: expected KEY=VALUE")
        if key not in declared:
            raise expand.BadTemplate(f"--parameter {key}: the template has no such parameter; it has {', '.join(declared)}")
        given[key] = value
    return given


def upload(cloud, bucket, functions, folder):
    """Zips and uploads every function's binary; returns logical ids with the address of their code."""
    missing = [f.binary for f in functions if not (folder / f.binary).is_file()]
    if missing:
        raise stack.DeployFailed(f"{folder} has no {', '.join(missing)}: build the functions first")
    cloud.make_bucket(bucket)
    code = {}
    for function in functions:
        binary = (folder / function.binary).read_bytes()
        say(f"uploading {function.binary} ({len(binary) / 1e6:.1f} MB)")
        # The hash in the name is what makes an update notice new code.
        key = f"{function.binary}-{hashlib.sha256(binary).hexdigest()[:16]}.zip"
        code[function.logical_id] = cloud.put(bucket, key, stack.zip_of(binary))
    return code


def deploy(options):
    template = expand.read(options.template)
    functions = expand.functions(template)
    given = parameters(options.parameter, template)
    cloud = stack.LocalCloud(options.endpoint, options.region)
    name, bucket = options.stack_name, f"{options.stack_name}-artifacts"

    code = upload(cloud, bucket, functions, options.binaries)
    expanded = expand.expand(template, given, code, options.region)
    # By address, because the expanded template may be larger than a request may be.
    cloud.put(bucket, "template.json", stack.as_json(expanded))
    cloud.deploy(name, f"{options.endpoint}/{bucket}/template.json", given, say)

    physical = cloud.physical_ids(name, "AWS::Lambda::Function")
    cloud.wait_until_active(physical.values())
    queues = cloud.physical_ids(name, "AWS::SQS::Queue").values()
    outputs = cloud.outputs(name)
    return {
        "api_id": outputs["ApiId"],
        "api_host": f"{outputs['ApiId']}.execute-api.localhost",
        "table": outputs["TableName"],
        "queues": {url.rsplit("/", 1)[1].removeprefix(f"{name}-"): url for url in queues},
        "vault_key_id": outputs["VaultKeyArn"],
        "functions": {f.binary: physical[f.logical_id] for f in functions},
    }


def say(line):
    print(line, file=sys.stderr, flush=True)


def main():
    try:
        print(json.dumps(deploy(arguments())))
    except (expand.BadTemplate, stack.DeployFailed, OSError) as error:
        sys.exit(f"deploy: {error}")
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"deploy: the local cloud answered: {error}")


if __name__ == "__main__":
    main()
