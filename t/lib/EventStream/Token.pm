# SPDX-License-Identifier: Apache-2.0
#
# Tokens of EventStreamToken, signed with a secret (HS256). Claims and header
# are hashes, or JSON as it is written, so that a test can send what is no JSON.
#
#     my $secret = 'x' x 32;
#     token($secret, {sub => 'ann', eventstream => {subscribe => ['news']}});
#     token($secret, '{"exp":1e400}', '{"alg":"HS256"}');
#     bearer($token);         # the header Authorization
package EventStream::Token;

use strict;
use warnings;
use Exporter qw(import);

use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

our @EXPORT = qw(token bearer token_of);

my $json = JSON::PP->new->canonical;

sub text_of { return ref $_[0] ? $json->encode($_[0]) : $_[0] }

# A token with this signature, or without one.
sub token_of
{
    my ($claims, $header, $signature) = @_;
    return join '.', encode_base64url(text_of($header)),
        encode_base64url(text_of($claims)), encode_base64url($signature);
}

sub token
{
    my ($secret, $claims, $header) = @_;
    $header ||= {alg => 'HS256', typ => 'JWT'};
    my $text = encode_base64url(text_of($header)) . '.'
        . encode_base64url(text_of($claims));
    return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

sub bearer { return "Authorization: Bearer $_[0]" }

1;
