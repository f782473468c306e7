# SPDX-License-Identifier: Apache-2.0
"""Where the committed vectors lie, for the tests in Python. A test whose file is missing fails as it opens it."""
import os

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors')
SNP, TDX = os.path.join(ROOT, 'snp'), os.path.join(ROOT, 'tdx')
