# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server as others' tools see it: testssl.sh, sslscan, slowhttptest."""
import json
import os
import re
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import plans
import webrows
from scenarios import ready

plan = plans.hello
# Of testssl.sh, worse than LOW, and known: the certificate is our own, nobody has signed it, and no CA can revoke it.
OWN = {'cert_trust', 'cert_chain_of_trust', 'cert_revocation', 'cert_crlDistributionPoints', 'cert_ocspURL', 'cert_extlifeSpan', 'cert_notAfter',
       'cert_expirationStatus', 'cert_caIssuers', 'DNS_CAArecord', 'cert_validityPeriod'}
# What it makes of those in its grades.
GRADES = {'overall_grade', 'grade_cap_reason_1', 'grade_cap_reason_2', 'grade_cap_reason_3', 'final_score'}


ABOVE = {'MEDIUM', 'HIGH', 'CRITICAL'}      # WARN is about what the tool itself cannot do


def tool(seconds, *words):
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)


def testssl(m, port):
    """Findings above LOW but for those about who has signed the certificate."""
    out = f'{m.dir}/testssl.json'
    said = tool(420, 'testssl', '--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none', '--sneaky', '--fast', '--openssl-timeout', '10',
         '--jsonfile', out, f'https://127.0.0.1:{port}/')
    assert os.path.exists(out), f'testssl.sh: {said.stdout[-600:]}{said.stderr[-600:]}'
    found = json.load(open(out))
    assert len(found) > 60, f'testssl.sh has looked at {len(found)} things only: {found[-3:]}'
    bad = [f'{f["id"]}: {f["severity"]}: {f["finding"]}' for f in found
           if f['severity'] in ABOVE and f['id'].split(' ')[0] not in OWN | GRADES]
    assert not bad, f'testssl.sh: {bad}'
    known = sorted({f['id'].split(' ')[0] for f in found if f['severity'] in ABOVE})
    return f'testssl.sh {len(found)} findings, above LOW only {known}'


def sslscan(m, port):
    out = f'{m.dir}/sslscan.xml'
    said = tool(240, 'sslscan', '--no-colour', f'--xml={out}', f'127.0.0.1:{port}')
    test = ElementTree.parse(out).find('ssltest')
    assert test is not None, said.stdout[-500:]
    on = {f'{p.get("type")}{p.get("version")}' for p in test.findall('protocol') if p.get('enabled') == '1'}
    assert on == {'tls1.2', 'tls1.3'}, f'sslscan: {on}'
    assert not [h for h in test.findall('heartbleed') if h.get('vulnerable') == '1']
    assert test.find('renegotiation').get('secure') == '1' or test.find('renegotiation').get('supported') == '0', said.stdout[-800:]
    assert not [c for c in test.findall('compression') if c.get('supported') == '1']    # where its OpenSSL can do that at all
    ciphers = test.findall('cipher')
    weak = [c.get('cipher') for c in ciphers if c.get('strength') not in ('strong', 'acceptable') or int(c.get('bits')) < 128]
    assert ciphers and not weak, f'sslscan: {weak}'
    assert not re.search(r'CBC|SHA$', ' '.join(c.get('cipher') for c in ciphers)), [c.get('cipher') for c in ciphers]
    return f'sslscan {len(ciphers)} ciphers'


def comes_in(api, seconds):
    """Seconds until the API answers. On QEMU's user network all clients have one address: the attacker is where the administrator is."""
    start = time.time()
    while True:
        try:
            assert api.ask('/v1/guests')[0] == 200
            return time.time() - start
        except AssertionError:
            if time.time() - start > seconds:
                raise


def slow(m, port, api, kind, *words):
    """While slowhttptest holds as many connections as it gets, the API answers. Eight more a second: this is about connections that are
    held, and an emulator has no time for more handshakes."""
    out = f'{m.dir}/slow-{kind}'
    p = subprocess.Popen(['slowhttptest', f'-{kind}', '-c', '200', '-r', '8', '-l', '40', '-p', '3', '-g', '-o', out, *words,
                          '-u', f'https://127.0.0.1:{port}/v1/login'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    worst = 0
    try:
        time.sleep(3)
        while p.poll() is None:
            worst = max(worst, comes_in(api, 30))
            time.sleep(1)
    finally:
        p.kill()
        p.wait()
    last = open(f'{out}.csv').read().splitlines()[-1].split(',')
    return f'slowhttptest -{kind} {worst:.1f} s (seconds, closed, pending, connected: {last[:4]})', worst


def tools(m, _plan):
    """testssl.sh and sslscan find nothing above LOW; slowhttptest keeps nobody out."""
    ready(m)
    api = webrows.enter(m)
    port = api.port
    said = [sslscan(m, port), testssl(m, port)]
    time.sleep(15)       # what they have left behind is gone by then
    alone = max(comes_in(api, 30) for _ in range(3))
    for kind, *words in (('H', '-i', '5'), ('B', '-i', '5', '-s', '8192', '-t', 'POST'), ('X', '-k', '3', '-w', '10', '-y', '20', '-n', '5', '-z', '32'),
                         ('R',)):
        text, worst = slow(m, port, api, kind, *words)
        said.append(text)
        assert worst < max(5, 5 * alone), f'alone {alone:.1f} s; {said}'
    assert os.path.getsize(f'{m.dir}/testssl.json') > 0
    return '; '.join(said)
