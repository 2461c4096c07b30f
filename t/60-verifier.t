#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# bench/verify detects the faults that it is made for: a small server loses,
# doubles, tears and forges events on request, and verify counts exactly these
# (bench/selftest.sh). 60-verifier-tls.t and 60-verifier-http2.t do so over TLS
# and HTTP/2.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use EventStream::Source;

my $bench = builddir() . '/bench';
$ENV{ES_BENCHDIR} = $bench;
exec 'sh', "$FindBin::Bin/../bench/selftest.sh", 'verify' or die "sh: $!";
