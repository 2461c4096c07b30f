# SPDX-License-Identifier: Apache-2.0
#
# The EventSource of a real browser over TLS, detached from mod_ssl: it gets all
# events, also around graceful, without a new connection. The checks are in
# browser/tls.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('playwright-core', browser => 1);
plan skip_all => 'built without mod_ssl_openssl.h'
    if EventStream::Httpd->build('detaches_tls') ne 'yes';

my $httpd = Driver::demo_httpd(undef, ssl => 1);
local $ENV{ES_TLS_URL} = $httpd->ssl_url('/');
local $ENV{ES_HTTPD} = $httpd->pid;
Driver::run('tls.mjs', $httpd);
unlike $httpd->error_log, qr/ES0405/, 'no client was held';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
