"""The Debian package holds what a node needs, and what it holds runs."""

import os
import re
import tempfile
import unittest
from pathlib import Path

from program import INSTALLED_MODEL, SOURCE, Node, main, run


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        here = Path(cls.folder.name)
        run("cpack", "--config", os.environ["CECOLLM_CPACK_CONFIG"], "-G", "DEB", "-B", here / "out",
            environment={"HOME": str(here)})
        cls.file, = (here / "out").glob("*.deb")
        cls.root = here / "root"
        run("dpkg-deb", "-x", cls.file, cls.root)
        cls.binary = cls.root / "usr/bin/cecollm"
        cls.model = cls.root / INSTALLED_MODEL.lstrip("/")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_depends_on_the_libraries_that_the_program_loads(self):
        depends = run("dpkg-deb", "-f", self.file, "Depends").stdout
        for package in ("libc6", "libcaf-core0.17", "libcaf-io0.17", "libprotobuf32", "libssl3",
                        "libtorch1.13"):
            self.assertRegex(depends, rf"(^|, ){re.escape(package)} \(")

    def test_keeps_what_an_administrator_changes(self):
        with tempfile.TemporaryDirectory() as control:
            run("dpkg-deb", "-e", self.file, control)
            files = (Path(control) / "conffiles").read_text().split()
        self.assertEqual(sorted(files), sorted(
            "/" + str(file.relative_to(self.root)) for file in self.root.glob("etc/cecollm/*.toml")))

    def test_holds_units_licence_scripts_and_documents(self):
        for name in ("usr/lib/systemd/system/cecollm-cloud.service",
                     "usr/lib/systemd/system/cecollm-edge.service",
                     "usr/share/doc/cecollm/copyright", "usr/share/doc/cecollm/examples/edge.toml",
                     "usr/share/cecollm/pki/make-pki.sh", "usr/share/cecollm/traces/flapping.csv"):
            self.assertTrue((self.root / name).is_file(), name)
        self.assertEqual((self.root / "etc/cecollm/pki").stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.root / "usr/share/doc/cecollm/copyright").read_text(),
                         (SOURCE / "LICENSE").read_text())

    def test_documents_find_each_other(self):
        folder = self.root / "usr/share/doc/cecollm"
        absent = ("bench/", "load/", "model/", "policy/", "tests/")  # sources and results
        documents = list(folder.rglob("*.md"))
        self.assertGreater(len(documents), 10)
        for document in documents:
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
                target = os.path.relpath(document.parent / link, folder)
                if ":" not in link and not target.startswith(absent):
                    self.assertTrue((folder / target).exists(), f"{document}: {link}")
        for unit in self.root.glob("usr/lib/systemd/system/*.service"):
            named = re.search(r"(?m)^Documentation=file://(.+)$", unit.read_text())[1]
            self.assertTrue((self.root / named.lstrip("/")).is_file(), named)

    def test_the_program_tells_a_story_with_the_packaged_model(self):
        done = run(self.binary, "generate", "--model", self.model, "--mode", "standalone", "--threads",
                   "1", "--prompt", "Once upon a time", "--max-tokens", "8")
        self.assertTrue(done.stdout.strip())

    def test_an_edge_starts_from_the_packaged_configuration(self):
        # Only what is elsewhere here than on a machine of its own is told by flags.
        edge = Node(["edge", "--config", self.root / "etc/cecollm/edge.toml", "--model", self.model,
                     "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--threads", "1"],
                    binary=self.binary)
        self.assertEqual(edge.stop(60), 0)


if __name__ == "__main__":
    main()
