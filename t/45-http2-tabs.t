# SPDX-License-Identifier: Apache-2.0
#
# Ten tabs with a stream each, in Chromium and in Firefox, where no further
# client can be held over HTTP/2: pages load meanwhile, and each tab receives
# all events. The checks are in browser/http2.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use Test::More;

Driver::need('playwright-core', browser => 1);
plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');
plan skip_all => 'needs a curl that speaks HTTP/2'
    if `curl --version` !~ /^Features:.* HTTP2\b/m;

my $HELD = 6;    # the preset for 25 threads

my $httpd = EventStream::Httpd->start(ssl => 1, h2 => 1,
    files => {'page.html' => "<!DOCTYPE html>\n<title>page</title>\n",
        'page.txt' => "a page\n"},
    mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
MPM
AddType text/html .html
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my @held = map { subscribe($httpd, '/events', http2 => 1) } 1 .. $HELD;
my $turn = subscribe($httpd, '/events', http2 => 1);
ok $turn->is_ended(10), 'beyond EventStreamMaxHeld a client is in turns';
is scalar(grep { $_->is_open } @held), $HELD, 'the others are held';

Driver::run('http2.mjs', $httpd, $httpd->ssl_url('/'), 'chromium',
    $httpd->url('/'));
is join("\n", grep { /:(?:error|crit|alert|emerg)\]/ }
    split /\n/, $httpd->error_log), '', 'the error log has no error';
my $size = $httpd->log_size;
SKIP: {
    my $reason = Driver::lacking('playwright-core', firefox => 1);
    skip $reason, 1 if $reason;
    Driver::run('http2.mjs', $httpd, $httpd->ssl_url('/'), 'firefox',
        $httpd->url('/'));
    my $asks = () = $httpd->error_log($size) =~ /ES0412/g;
    cmp_ok $asks, '<=', 3, 'Firefox is asked for each stream that it may have';
}
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
