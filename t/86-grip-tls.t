#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A GRIP proxy over TLS whose certificate nobody knows gets nothing: no event,
# no token.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

# The TLS host of the same httpd is the proxy, and logs what it gets.
my $httpd = EventStream::Httpd->start(ssl => 1, conf => <<'CONF');
EventStreamGrip https://localhost:@SSL_PORT@ iss=me key=changeme
<Location "/to-all">
    SetHandler eventstream-publish
</Location>
CONF

my $answer = publish($httpd, 'a', 'not-for-strangers', path => '/to-all');
is $answer->{status}, 502, 'the publisher gets 502';
is $answer->{json}{grip}[0]{error}, 'TLS failed', 'which says why';
unlike $httpd->access_log, qr{/publish/}, 'the proxy got no request';
my ($status) = curl('-o', '/dev/null', $httpd->ssl_url('/publish/'));
is $status, 0, 'a client that takes any certificate reaches it';
wait_for(sub { $httpd->access_log =~ m{/publish/} }, 10,
    'and is in its log');
done_testing;
