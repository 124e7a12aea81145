# SPDX-License-Identifier: Apache-2.0
"""/openapi.json as a test reads it: is it OpenAPI, does an answer look as it says, and requests made of it at random."""
import json
import os
import random
import re
import subprocess
import tempfile

# Debian's packages openapi-specification and python3-jsonschema.
META = '/usr/share/openapi-specification/schemas/v3.0/schema.json'
KINDS = {'string': str, 'integer': int, 'boolean': bool, 'object': dict, 'array': list}


def is_openapi(text):
    """By the specification's own schema; and what that cannot say: references lead somewhere, paths have their parameters."""
    with tempfile.NamedTemporaryFile('w', suffix='.json') as f:
        f.write(text)
        f.flush()
        r = subprocess.run(['/usr/bin/python3', '-W', 'ignore', '-m', 'jsonschema', '-i', f.name, META], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, f'openapi.json: {(r.stdout + r.stderr)[-1500:]}'
    doc = json.loads(text)
    for ref in re.findall(r'"\$ref": *"#/components/schemas/(\w+)"', text):
        assert ref in doc['components']['schemas'], f'openapi.json: there is no schema {ref}'
    for path, methods in doc['paths'].items():
        for method, op in methods.items():
            named = {p['name'] for p in op['parameters'] if p['in'] == 'path'}
            assert named == set(re.findall(r'{(\w+)}', path)), f'{method} {path}: {named}'
            assert [s for s in op['responses'] if s[0] in '123'], f'{method} {path}: nothing is right'
    return doc


class Misfit(Exception):
    pass


def check(doc, schema, value, where='answer'):
    """value is as the schema says, and has no member that it does not name."""
    if '$ref' in schema:
        return check(doc, doc['components']['schemas'][schema['$ref'].rsplit('/', 1)[1]], value, where)
    if 'anyOf' in schema:
        for one in schema['anyOf']:
            try:
                return check(doc, one, value, where)
            except Misfit as e:
                why = e
        raise why
    if value is None and schema.get('nullable'):
        return None
    kind = KINDS.get(schema.get('type'), object)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or ('enum' in schema and value not in schema['enum']):
        raise Misfit(f'{where}: {value!r:.80} is no {schema}')
    if kind is list:
        for i, v in enumerate(value):
            check(doc, schema['items'], v, f'{where}[{i}]')
    elif kind is dict and ('properties' in schema or 'additionalProperties' in schema):
        rest = schema.get('additionalProperties')
        for name in schema.get('required', ()):
            if name not in value:
                raise Misfit(f'{where}: {name} is not there: {value!r:.200}')
        for name, v in value.items():
            one = schema.get('properties', {}).get(name, rest)
            if not one:
                raise Misfit(f'{where}: it names no {name}')
            check(doc, one, v, f'{where}.{name}')
    return None


class Maker:
    """Requests at random: (method, path, headers, body)."""
    WORDS = ('', 'a', 'tick', 'storm', 'copy', 'x' * 31, 'x' * 32, '-', '.', '..', 'ä', '\0', '"', "'; --", '%s%n', '1', '-1', '99999999999999999999',
             '512MiB', '1GiB', '18EiB', 'true', 'viewer', 'admin', 'hello.elf', '\u202e', '\ud800', 'elf', '0x10', ' ' * 200)
    NUMBERS = (0, 1, 2, 7, 8, 255, 256, 4095, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -1, -(1 << 63), 1.5, 1e308)

    def __init__(self, doc, seed, names, guest):
        self.r = random.Random(seed)
        self.doc, self.names, self.guest = doc, names, guest
        self.ops = [(m, p, op) for p, methods in doc['paths'].items() for m, op in methods.items()]

    def value(self, depth=0):
        kind = self.r.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return self.r.choice(self.WORDS)
        if kind < 4:
            return self.r.choice(self.NUMBERS)
        if kind == 4:
            return self.r.choice((True, False, None))
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.r.randrange(4))]
        return {self.r.choice(self.WORDS + ('type', 'file', 'switch', 'name')): self.value(depth + 1) for _ in range(self.r.randrange(4))}

    def fitting(self, schema):
        if '$ref' in schema:
            return self.fitting(self.doc['components']['schemas'][schema['$ref'].rsplit('/', 1)[1]])
        if 'anyOf' in schema:
            return self.fitting(self.r.choice(schema['anyOf']))
        kind = schema.get('type')
        if kind == 'object' and 'properties' in schema:
            need = schema.get('required', ())
            return {n: self.fitting(s) for n, s in schema['properties'].items() if n in need or self.r.random() < 0.3}
        return {'string': lambda: self.r.choice(self.WORDS + self.names), 'integer': lambda: self.r.choice((0, 1, 2, 30)),
                'boolean': lambda: self.r.random() < 0.5, 'array': lambda: [], 'object': dict}.get(kind, self.value)()

    def object(self, schema):
        """What fits, mostly with something wrong in it."""
        is_guest = schema.get('$ref', '').endswith('/Guest')
        if is_guest and self.r.random() < 0.7:
            value = dict(self.guest, name=self.r.choice(self.names))
        else:
            value = self.fitting(schema)
        for _ in range(self.r.choice((0, 0, 1, 1, 2))):
            key = self.r.choice([*value, 'unknown', *self.doc['components']['schemas']['Guest']['properties']][:60])
            if self.r.random() < 0.3:
                value.pop(key, None)
            else:
                value[key] = self.value()
        return value

    def broken(self, text):
        """Bytes that are no JSON, or of a kind that readers stumble over."""
        kind = self.r.randrange(8)
        if kind == 0:
            return text[:self.r.randrange(len(text) + 1)]
        if kind == 1:
            return b'[' * self.r.randrange(1, 7000)
        if kind == 2:
            return b'{"a":' * 900 + b'1' + b'}' * 900
        if kind == 3:
            return text[:-1] + b',"name":"x","name":"y"}'
        if kind == 4:
            return b'{"name":"' + b'a' * self.r.choice((7000, 9000, 70000)) + b'"}'
        if kind == 5:
            return bytes(self.r.randrange(256) for _ in range(self.r.randrange(1, 60)))
        if kind == 6:
            return b'{"name":"\xc3\x28\xff"}'
        at = self.r.randrange(len(text) + 1)
        return text[:at] + bytes([self.r.randrange(256)]) + text[at + 1:]

    def query(self, op):
        said = [f'{p["name"]}={self.r.choice((0, 1, 5, 10 ** 30, "x", "", "true", "%00"))}' for p in op['parameters']
                if p['in'] == 'query' and self.r.random() < 0.5]
        return '?' + '&'.join(said) if said else ''

    def make(self):
        method, path, op = self.r.choice(self.ops)
        name = self.r.choice(self.names) if self.r.random() < 0.8 else self.r.choice(('..', '%2e%2e', '%00', '%2f', 'x' * 80, '%c3%28', '%', '~', 'a%20b'))
        headers = {p['name']: self.r.choice(('*', '"0123456789abcdef"', '"', 'bytes 0-9/10', 'bytes 9-0/1', '5-7')) for p in op['parameters']
                   if p['in'] == 'header' and self.r.random() < 0.7}
        body = None
        if 'requestBody' in op:
            kind, content = next(iter(op['requestBody']['content'].items()))
            headers['Content-Type'] = kind if self.r.random() < 0.95 else 'text/plain'
            if kind == 'application/json':
                body = json.dumps(self.object(content['schema'])).encode()
                body = self.broken(body) if self.r.random() < 0.25 else body
            else:
                body = os.urandom(0) if self.r.random() < 0.1 else bytes(self.r.randrange(256) for _ in range(self.r.randrange(300)))
        elif self.r.random() < 0.05:
            body = b'{}'
        return method.upper(), path.replace('{name}', name) + self.query(op), headers, body, op
