# SPDX-License-Identifier: Apache-2.0
#
# The programs and the configuration of docs/browsers.md, as they stand there,
# in Chromium. The checks are in browser/sharing.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use EventStream::Httpd;
use EventStream::Snippets;
use Test::More;

Driver::need('playwright-core', browser => 1);
plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');

my $docs = snippets('docs/browsers.md');

# A page with what the programs call, and one of them.
sub page
{
    my ($program) = @_;
    return <<"HTML";
<!DOCTYPE html>
<meta charset="utf-8"><title>page</title><link rel="icon" href="data:,">
<script>
window.shown = [];
window.loads = 0;
function show(type, data) { window.shown.push(type + " " + data); }
function showAll() { window.loads++; }
</script>
<script>
$program
window.ready = true;
</script>
HTML
}

# Marks stand for names and ports, which httpd has when it starts.
my $host = $docs->{'events-host.conf'};
for my $pair (['*:443' => '127.0.0.1:@SSL_PORT@'],
    ['"/etc/ssl/example.com.pem"' => "\"\@CERT\@\"\n"
        . '    SSLCertificateKeyFile "@KEY@"'],
    ['https://www.example.com' => 'https://www.example.com:@SSL_PORT@'],
    ['EventStreamChannel' => 'Require expr "%{HTTP_COOKIE} =~ /login=1/"'
        . "\n        EventStreamChannel"])
{
    my ($from, $to) = @$pair;
    ok $host =~ s/\Q$from\E/$to/, "events-host.conf has $from";
}

my $script = $docs->{'events-host.js'};
ok $script =~ s{events\.example\.com}{events.example.com:" + location.port + "},
    'events-host.js names the host';
$script .= 'source.onopen = () => window.opened = true;';

my $reset = $docs->{'reset.js'};
ok $reset =~ s{kitchen"}{kitchen?lastEventId=1-1"},
    'reset.js: an id that the server does not know';

my $httpd = EventStream::Httpd->start(ssl => 1, h2 => 1,
    modules => ['headers'],
    files => {
        'shared-worker.js' => $docs->{'shared-worker.js'},
        'shared.html' => page($docs->{'shared-page.js'}),
        'broadcast.html' => page($docs->{'broadcast-page.js'}),
        'reset.html' => page($reset),
        'host.html' => page($script),
        'orders.json' => "[]\n",
    }, conf => <<'CONF' . $host);
AddType text/html .html
AddType text/javascript .js
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
    Require local
</Location>
<VirtualHost 127.0.0.1:@SSL_PORT@>
    ServerName www.example.com
    SSLEngine on
    SSLCertificateFile "@CERT@"
    SSLCertificateKeyFile "@KEY@"
</VirtualHost>
<Location "/host.html">
    Header set Set-Cookie "login=1; Domain=example.com; Secure; SameSite=Strict"
</Location>
CONF

$ENV{ES_PAGES} = 'https://www.example.com:' . $httpd->ssl_port . '/';
$ENV{ES_CHROMIUM_ARGUMENTS} =
    '--host-resolver-rules=MAP *.example.com 127.0.0.1';
Driver::run('sharing.mjs', $httpd);
is_deeply [sort keys %$docs], [qw(broadcast-page.js events-host.conf
    events-host.js reset.js shared-page.js shared-worker.js)],
    'all snippets of the page were run';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
