"""From the SAM template to plain CloudFormation that the local cloud understands.

What differs from what `sam deploy` does:

- the code of a function is a binary that cargo has already built;
- the OpenAPI body that SAM makes of an HTTP API's events becomes one resource for each route and
  integration, because the local cloud does not read that body;
- a reference to a number parameter becomes the number, because there it stays text and breaks what
  counts with it;
- conditions on the KMS encryption context are left out, because there they never hold;
- who may send a message to a queue may send a batch of them: on AWS that is one permission, there it is two;
- who may insert into the table by statements may send statements, to any table: there the operation is asked for by its
  name, and nobody reads which table a statement names.
"""

import copy
import os
import re
from dataclasses import dataclass

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

FUNCTION = "AWS::Serverless::Function"
INTEGRATION = "x-amazon-apigateway-integration"
ANY_METHOD = "x-amazon-apigateway-any-method"
SEND = "sqs:SendMessage"
INSERT = "dynamodb:PartiQLInsert"


class BadTemplate(Exception):
    """The template cannot be deployed; the text says why."""


@dataclass(frozen=True)
class Function:
    """A function of the template: its logical id and the binary that is its code."""

    logical_id: str
    binary: str


class NoManagedPolicies:
    """SAM asks for the names of AWS's managed policies; the template uses none."""

    def load(self):
        return {}


def read(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    if not isinstance(template, dict) or "Resources" not in template:
        raise BadTemplate(f"{path} has no Resources")
    return template


def functions(template):
    """Every function, with the binary that its metadata names."""
    found = []
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") == FUNCTION:
            binary = resource.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
            if not binary:
                raise BadTemplate(f"{logical_id} names no binary: Metadata.BuildProperties.Binary is missing")
            found.append(Function(logical_id, binary))
    return found


def expand(template, parameters, code, region):
    """`code` maps a function's logical id to the s3:// address of its zip."""
    template = copy.deepcopy(template)
    for logical_id, address in code.items():
        template["Resources"][logical_id]["Properties"]["CodeUri"] = address
    os.environ["AWS_DEFAULT_REGION"] = region  # SAM takes the region from here alone
    try:
        expanded = transform(template, dict(parameters), NoManagedPolicies())
    except InvalidDocumentException as error:
        causes = "\n".join(f"  {cause.message}" for cause in error.causes)
        raise BadTemplate(f"SAM refuses the template:\n{causes}") from error
    for logical_id, resource in list(expanded["Resources"].items()):
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            expanded["Resources"].update(routes(logical_id, resource["Properties"]))
    expanded["Resources"] = localized(expanded["Resources"], numbers(template, parameters))
    return expanded


def numbers(template, parameters):
    """The values of the parameters that are numbers."""
    return {name: int(parameters.get(name, declared.get("Default")))
            for name, declared in template.get("Parameters", {}).items() if declared["Type"] == "Number"}


def localized(value, values):
    """The same, with numbers for references to them, checkable conditions and the permissions asked for here."""
    if isinstance(value, list):
        return [localized(item, values) for each in value for item in (each, *by_statements(each))]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and value.get("Ref") in values:
        return values[value["Ref"]]
    if "Effect" in value and "Condition" in value:
        value = {**value, "Condition": checkable(value["Condition"])}
        if not value["Condition"]:
            del value["Condition"]
    if SEND in as_list(value.get("Action")):
        value = {**value, "Action": [*as_list(value["Action"]), f"{SEND}Batch"]}
    # Environment variables are texts whatever they say.
    texts = {name: str(number) for name, number in values.items()}
    return {key: localized(item, texts if key == "Variables" else values) for key, item in value.items()}


def as_list(value):
    return value if isinstance(value, list) else [value]


def by_statements(statement):
    """The permission that a policy's statement needs here beside itself, if it is one to insert."""
    if isinstance(statement, dict) and INSERT in as_list(statement.get("Action")):
        return [{"Effect": "Allow", "Action": "dynamodb:BatchExecuteStatement", "Resource": "*"}]
    return []


def checkable(condition):
    """A policy's condition without what it says of the KMS encryption context."""
    kept = {operator: {key: wanted for key, wanted in keys.items() if not key.startswith("kms:EncryptionContext:")}
            for operator, keys in condition.items()}
    return {operator: keys for operator, keys in kept.items() if keys}


def routes(api, properties):
    """Takes the OpenAPI body out of an API's properties and returns what it declares as resources."""
    body = properties.pop("Body", None)
    if body is None:
        return {}
    properties.pop("FailOnWarnings", None)  # belongs to the import of a body
    properties.setdefault("Name", body["info"]["title"])
    properties["ProtocolType"] = "HTTP"
    made = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            declared = operation.get(INTEGRATION)
            if declared is None:
                raise BadTemplate(f"{method} {path} of {api} has no integration")
            integration = f"{api}{target(declared['uri'])}Integration"
            made[integration] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "IntegrationType": declared["type"].upper(),
                    "IntegrationMethod": declared.get("httpMethod", "POST"),
                    "IntegrationUri": declared["uri"],
                    "PayloadFormatVersion": declared.get("payloadFormatVersion", "2.0"),
                    "TimeoutInMillis": declared.get("timeoutInMillis", 30000),
                },
            }
            key = route_key(path, method)
            made[f"{api}Route{camel(key)}"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "RouteKey": key,
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
                },
            }
    return made


def route_key(path, method):
    if path in ("/$default", "$default"):
        return "$default"
    return f"{'ANY' if method == ANY_METHOD else method.upper()} {path}"


def camel(key):
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", key))


def target(uri):
    """The logical id of the function that an integration calls."""
    named = re.search(r"\$\{(\w+)\.(?:Arn|Alias)\}", str(uri))
    if named is None:
        raise BadTemplate(f"an integration calls something that is no function of the template: {uri}")
    return named.group(1)
