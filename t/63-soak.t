#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# make check-soak in brief: is any event lost when children crash, hang or are
# replaced, over TLS and HTTP/2, too, and are ordinary pages answered? The head
# of bench/check-soak.sh describes the cases.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;
use EventStream::Source;

my @CASES = qw(graceful kill segv killall stop journal);
push @CASES, 'tls'
    if EventStream::Httpd->build('detaches_tls') eq 'yes';
push @CASES, 'h2'
    if EventStream::Httpd->build('nghttp2') eq 'yes'
    && EventStream::Httpd->has_module('http2')
    && EventStream::Httpd->has_module('ssl');
# AddressSanitizer keeps freed memory, so that memory grows by design
push @CASES, 'churn' if EventStream::Httpd->build('sanitize') ne 'yes';

$ENV{ES_BUILDDIR} = builddir();
open my $in, '-|', 'sh', "$FindBin::Bin/../bench/check-soak.sh", 'brief',
    @CASES or die "sh: $!";
my %reported = map { /^(\w+)\s+(\w+): (.*)/ ? ($2 => [$1, $3]) : () } <$in>;
close $in;
is $? >> 8, 0, 'check-soak.sh exits with 0';
for my $case (@CASES) {
    my ($result, $text) = @{$reported{$case} || ['', 'there is no report']};
    is $result, 'ok', "$case: $text";
    next if $case eq 'churn';
    like $text, qr/; $_: worst [\d.]+ ms, p99 [\d.]+ ms/,
        "$case: the time of $_ is measured" for qw(pages newcomers);
}
done_testing;
