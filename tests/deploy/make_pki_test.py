"""deploy/pki/make-pki.sh makes an authority once, and certificates that nodes accept."""

import tempfile
import unittest
from pathlib import Path

from program import BINARY, MODEL, SOURCE, Node, main, run

SCRIPT = SOURCE / "deploy/pki/make-pki.sh"


class MakePki(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.here = Path(folder.name)
        self.secret = self.here / "passphrase"
        self.secret.write_text("correct horse\n")
        self.authority = self.here / "authority"
        self.make("authority", "--passphrase-file", self.secret, self.authority)

    def make(self, *arguments, check=True):
        return run("sh", SCRIPT, *arguments, check=check)

    def issue(self, folder, *arguments, check=True):
        return self.make("node", "--passphrase-file", self.secret, *arguments[:-1], self.authority,
                         self.here / folder, *arguments[-1], check=check)

    def text(self, file):
        return run("openssl", "x509", "-in", file, "-noout", "-text").stdout

    def test_the_authority_has_an_encrypted_key_and_is_made_once(self):
        self.assertIn("ENCRYPTED", (self.authority / "ca.key").read_text())
        self.assertEqual((self.authority / "ca.key").stat().st_mode & 0o777, 0o600)
        again = self.make("authority", "--passphrase-file", self.secret, self.authority, check=False)
        self.assertEqual(again.returncode, 2)
        self.assertIn("made once", again.stderr)

    def test_nodes_get_their_own_files_and_never_the_authoritys_key(self):
        self.issue("cloud", ["cloud", "cloud-1", "cloud.example", "10.0.0.7", "2001:db8::7"])
        self.issue("edge", ["edge", "shop-17"])
        self.assertEqual(sorted(file.name for file in (self.here / "cloud").iterdir()),
                         ["ca.pem", "cloud.key", "cloud.pem"])
        self.assertEqual((self.here / "edge/edge.key").stat().st_mode & 0o777, 0o600)
        cloud = self.text(self.here / "cloud/cloud.pem")
        self.assertIn("DNS:cloud.example, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:7", cloud)
        self.assertIn("TLS Web Server Authentication", cloud)
        edge = self.text(self.here / "edge/edge.pem")
        self.assertIn("CN = shop-17", edge)
        self.assertIn("TLS Web Client Authentication", edge)
        for file in ("cloud/cloud.pem", "edge/edge.pem"):
            run("openssl", "verify", "-CAfile", self.authority / "ca.pem", self.here / file)

    def test_validity_is_what_was_asked_for(self):
        self.issue("edge", "--days", "20", ["edge", "shop-17"])
        ends = lambda days: run("openssl", "x509", "-in", self.here / "edge/edge.pem", "-noout",
                                "-checkend", str(days * 86400), check=False).returncode
        self.assertEqual([ends(19), ends(21)], [0, 1])

    def test_renewal_replaces_only_where_it_is_asked_for(self):
        self.issue("edge", ["edge", "shop-17"])
        before = (self.here / "edge/edge.pem").read_text()
        refused = self.issue("edge", ["edge", "shop-17"], check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--renew", refused.stderr)
        self.assertEqual((self.here / "edge/edge.pem").read_text(), before)
        self.issue("edge", "--renew", ["edge", "shop-17"])
        self.assertNotEqual((self.here / "edge/edge.pem").read_text(), before)

    def test_mistakes_are_one_line_and_leave_nothing(self):
        for arguments, word in ((["cloud", "cloud-1"], "hosts"), (["edge", "a", "host"], "no hosts"),
                                (["edge", "a/b"], "no name"), (["fog", "a"], "neither"),
                                (["cloud", "c", "a,b"], "no host name")):
            refused = self.issue("new", arguments, check=False)
            self.assertEqual(refused.returncode, 2, arguments)
            self.assertIn(word, refused.stderr)
            self.assertEqual(refused.stderr.count("\n"), 1)
        self.assertFalse((self.here / "new").exists())
        self.secret.write_text("wrong\n")
        self.assertEqual(self.issue("new", ["edge", "a"], check=False).returncode, 2)
        self.assertEqual(list((self.here / "new").iterdir()), [])

    def test_cloud_and_edge_meet(self):
        self.issue("cloud", ["cloud", "cloud-1", "127.0.0.1"])
        self.issue("edge", ["edge", "shop-17"])
        link = lambda node: ["--cert", self.here / node / f"{node}.pem", "--key",
                             self.here / node / f"{node}.key", "--ca", self.here / node / "ca.pem"]
        common = ["--model", MODEL, "--threads", "1", "--dtype", "fp32"]
        cloud = Node(["cloud", *common, "--listen", "127.0.0.1:0", *link("cloud")])
        self.addCleanup(cloud.stop, 60)
        done = run(BINARY, "generate", *common, *link("edge"), "--cloud", cloud.address(), "--no-adapt",
                   "--token-deadline", "60s", "--prompt", "Once upon a time", "--threshold", "2",
                   "--max-tokens", "4", "--json")
        self.assertIn('"cloud":4', done.stdout.replace(" ", ""))


if __name__ == "__main__":
    main()
