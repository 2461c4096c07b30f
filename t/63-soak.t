#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# make check-soak in small: is every event there, whatever happens to the
# children meanwhile? bench/check-soak.sh tells what it does in full.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;
use EventStream::Source;

my @FIGURES = qw(graceful kill segv killall stop journal);
# AddressSanitizer keeps what was freed, so memory grows by design
push @FIGURES, 'churn' if EventStream::Httpd->build('sanitize') ne 'yes';

$ENV{ES_BUILDDIR} = builddir();
open my $in, '-|', 'sh', "$FindBin::Bin/../bench/check-soak.sh", 'brief',
    @FIGURES or die "sh: $!";
my %said = map { /^(\w+)\s+(\w+): (.*)/ ? ($2 => [$1, $3]) : () } <$in>;
close $in;
is $? >> 8, 0, 'check-soak.sh is content';
for my $figure (@FIGURES) {
    my ($verdict, $text) = @{$said{$figure} || ['', 'it was not run']};
    is $verdict, 'sound', "$figure: $text";
}
done_testing;
