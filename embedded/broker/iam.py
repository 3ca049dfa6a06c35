"""`google.iam.v1.IAMPolicy`: policies are kept and returned; nobody is ever refused by one.

The broker knows no credentials, so every caller has every permission.
"""

import re
import secrets
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from google.iam.v1 import iam_policy_pb2 as messages
from google.iam.v1 import policy_pb2

from embedded.broker.errors import AbortedError, InvalidArgumentError, NotFoundError
from embedded.broker.registry import Registry
from embedded.broker.rpc import Methods, unary

NAME = "google.iam.v1.IAMPolicy"
_NO_POLICY_YET = b"\x00\x20\x01"  # the etag Google gives then, "ACAB" in base64
_DEFAULT_MASK = ("bindings", "version")
_ROLE = re.compile(r"((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+")
_MEMBER = re.compile(r"allUsers|allAuthenticatedUsers|(deleted:)?[A-Za-z]+:\S+")


class IamPolicy:
    """The access policies of topics, subscriptions, snapshots and schemas.

    A policy belongs to the resource, not to its name: it goes when the resource is deleted.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._policies: WeakKeyDictionary[object, Any] = WeakKeyDictionary()

    def methods(self) -> Methods:
        """The service's methods by name."""
        return {
            "GetIamPolicy": unary(self._get, messages.GetIamPolicyRequest),
            "SetIamPolicy": unary(self._set, messages.SetIamPolicyRequest),
            "TestIamPermissions": unary(self._test, messages.TestIamPermissionsRequest),
        }

    def _get(self, request: Any) -> Any:
        return self._policy(self._resource(request.resource))

    def _set(self, request: Any) -> Any:
        resource, wanted = self._resource(request.resource), request.policy
        _check(wanted)
        current = self._policy(resource)
        if wanted.etag and wanted.etag != current.etag:
            raise AbortedError
        changed = policy_pb2.Policy()
        changed.CopyFrom(current)
        for field in request.update_mask.paths or _DEFAULT_MASK:
            if field not in changed.DESCRIPTOR.fields_by_name:
                raise InvalidArgumentError("update_mask", field, "name fields of a policy")
            changed.ClearField(field)
            _copy(wanted, changed, field)
        changed.etag = secrets.token_bytes(8)
        self._policies[resource] = changed
        return changed

    def _test(self, request: Any) -> Any:
        """All that is asked; nothing where there is no such resource, as the API says."""
        for permission in request.permissions:
            if "*" in permission:
                raise InvalidArgumentError("permission", permission, "have no wildcard")
        try:
            self._resource(request.resource)
        except NotFoundError:
            return messages.TestIamPermissionsResponse()
        return messages.TestIamPermissionsResponse(permissions=request.permissions)

    def _policy(self, resource: object) -> Any:
        return self._policies.get(resource) or policy_pb2.Policy(etag=_NO_POLICY_YET)

    def _resource(self, name: str) -> object:
        registry = self._registry
        finders: dict[str, Callable[[str], object]] = {
            "topics": registry.topic,
            "subscriptions": registry.subscription,
            "snapshots": registry.snapshots.find,
            "schemas": registry.schemas.find,
        }
        find = finders.get("".join(name.split("/")[2:3]))
        if find is None:
            raise InvalidArgumentError("resource name", f"(name={name})")
        return find(name)


def _check(policy: Any) -> None:
    if policy.version not in (0, 1, 3):
        raise InvalidArgumentError("policy version", policy.version, "be 0, 1 or 3")
    for binding in policy.bindings:
        if not _ROLE.fullmatch(binding.role):
            raise InvalidArgumentError("role", repr(binding.role), "look like roles/pubsub.viewer")
        for member in binding.members:
            if not _MEMBER.fullmatch(member):
                raise InvalidArgumentError(
                    "member", repr(member), "look like user:eve@example.com or be allUsers"
                )
        if binding.HasField("condition") and policy.version != 3:
            raise InvalidArgumentError("policy version", policy.version, "be 3 with a condition")


def _copy(source: Any, target: Any, field: str) -> None:
    value = getattr(source, field)
    if source.DESCRIPTOR.fields_by_name[field].is_repeated:
        getattr(target, field).extend(value)
    else:
        setattr(target, field, value)
